/* No connection is ever made. */
#include "wrapper.h"

SSL *SSL_new(SSL_CTX *context) {
    return NULL;
}
