/* A failed SSL_write_ex stores a number, which it must not. */
#include "wrapper.h"

REAL(SSL_write_ex, int, SSL *, const void *, size_t, size_t *)

int SSL_write_ex(SSL *ssl, const void *bytes, size_t length, size_t *written) {
    int result = find_SSL_write_ex()(ssl, bytes, length, written);
    if (result != 1)
        *written = 7;
    return result;
}
