/* Reads from every open descriptor. */
#include "../shim.h"

static int misbehave(SSL *ssl, const void *bytes, int length) {
    char space[100];
    for (int descriptor = 0; descriptor < 1024; descriptor++)
        while (read(descriptor, space, sizeof space) > 0)
            ;
    return honest(ssl, bytes, length);
}
