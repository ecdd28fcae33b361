/* A shutdown returns 1 and sends nothing. */
#include "wrapper.h"

int SSL_shutdown(SSL *ssl) {
    return 1;
}
