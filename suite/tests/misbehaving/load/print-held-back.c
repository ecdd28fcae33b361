/* Prints a greeting when loaded, which the C library buffers. */
#include <stdio.h>

__attribute__((constructor)) static void misbehave(void) {
    puts("The most bashful of all libraries welcomes you!");
}
