/* Calls _exit(3), so that no handler runs. */
#include "../shim.h"

static int misbehave(SSL *ssl, const void *bytes, int length) {
    _exit(3);
}
