/* Aborts, as a failed assertion does. */
#include "../shim.h"

static int misbehave(SSL *ssl, const void *bytes, int length) {
    abort();
}
