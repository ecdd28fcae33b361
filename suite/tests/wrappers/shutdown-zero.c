/* A shutdown returns 0 and sends nothing. */
#include "wrapper.h"

int SSL_shutdown(SSL *ssl) {
    return 0;
}
