/*
 * Sends the halves of a write as two records: no clause forbids it, and the real library does not
 * do it.
 */
#include "wrapper.h"

REAL(SSL_write, int, SSL *, const char *, int)

int SSL_write(SSL *ssl, const char *bytes, int length) {
    int half = length / 2, first = half ? find_SSL_write()(ssl, bytes, half) : 0;
    return half && first == half ? half + find_SSL_write()(ssl, bytes + half, length - half)
                                 : find_SSL_write()(ssl, bytes, length);
}
