/* Gives up while it is loaded, and says why. */
#include <stdio.h>
#include <stdlib.h>

__attribute__((constructor)) static void misbehave(void) {
    fputs("no configuration, giving up\n", stderr);
    abort();
}
