/* Writes the first half of its data, and reports all of it. */
#include "wrapper.h"

REAL(SSL_write, int, SSL *, const void *, int)

int SSL_write(SSL *ssl, const void *bytes, int length) {
    int half = length > 1 ? length / 2 : length;
    int result = find_SSL_write()(ssl, bytes, half);
    return result == half ? length : result;
}
