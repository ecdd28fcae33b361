/* A server has no certificate. */
#include "wrapper.h"

int SSL_CTX_use_certificate_ASN1(SSL_CTX *context, int length, const unsigned char *der) {
    return 0;
}
