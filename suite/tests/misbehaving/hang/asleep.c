/* Sleeps forever. */
#include "../shim.h"

static int misbehave(SSL *ssl, const void *bytes, int length) {
    for (;;)
        pause();
}
