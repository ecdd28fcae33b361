/* A write crashes. */
#include "wrapper.h"

int SSL_write(SSL *ssl, const void *bytes, int length) {
    __builtin_trap();
}
