/* A write reports one byte less than it was given. */
#include "wrapper.h"

REAL(SSL_write, int, SSL *, const void *, int)

int SSL_write(SSL *ssl, const void *bytes, int length) {
    int result = find_SSL_write()(ssl, bytes, length);
    return result > 1 ? result - 1 : result;
}
