/* Exits with success while it is loaded. */
#include <stdlib.h>

__attribute__((constructor)) static void misbehave(void) {
    exit(0);
}
