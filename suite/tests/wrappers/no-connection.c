/* SSL_new always fails. */
#include "wrapper.h"

SSL *SSL_new(SSL_CTX *context) {
    return NULL;
}
