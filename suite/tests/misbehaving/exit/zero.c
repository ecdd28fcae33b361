/* Calls exit(0), which looks like success. */
#include "../shim.h"

static int misbehave(SSL *ssl, const void *bytes, int length) {
    exit(0);
}
