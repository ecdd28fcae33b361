/* A write of 100 bytes crashes. */
#include "wrapper.h"

REAL(SSL_write, int, SSL *, const void *, int)

int SSL_write(SSL *ssl, const void *bytes, int length) {
    if (length == 100)
        __builtin_trap();
    return find_SSL_write()(ssl, bytes, length);
}
