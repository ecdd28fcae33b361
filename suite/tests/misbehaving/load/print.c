/* Prints a greeting when loaded. */
#include <stdio.h>

__attribute__((constructor)) static void misbehave(void) {
    puts("The finest of all libraries welcomes you!");
    fflush(stdout);
}
