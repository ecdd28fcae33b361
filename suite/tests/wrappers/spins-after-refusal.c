/* Spins once a shorter retry has been refused. */
#include "wrapper.h"

REAL(SSL_write, int, SSL *, const void *, int)
REAL(SSL_get_error, int, const SSL *, int)

int SSL_write(SSL *ssl, const void *bytes, int length) {
    int result = find_SSL_write()(ssl, bytes, length);
    for (volatile int forever = result <= 0 && find_SSL_get_error()(ssl, result) == 1; forever;)
        ;
    return result;
}
