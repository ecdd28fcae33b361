/* Writes only the first byte, and returns 1. */
#include "wrapper.h"

REAL(SSL_write, int, SSL *, const void *, int)

int SSL_write(SSL *ssl, const void *bytes, int length) {
    return find_SSL_write()(ssl, bytes, length > 1 ? 1 : length);
}
