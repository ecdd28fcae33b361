/* Executes an invalid instruction, as some assertions do. */
#include "../shim.h"

static int misbehave(SSL *ssl, const void *bytes, int length) {
    __builtin_trap();
}
