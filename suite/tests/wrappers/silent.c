/* A write succeeds, and nothing is ever sent. */
#include "wrapper.h"

int SSL_write(SSL *ssl, const void *bytes, int length) {
    return length;
}
