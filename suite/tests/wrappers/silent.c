/* A write succeeds and sends nothing. */
#include "wrapper.h"

int SSL_write(SSL *ssl, const void *bytes, int length) {
    return length;
}
