/* Greets its user, and leaves it to the C library when that is written. */
#include <stdio.h>

__attribute__((constructor)) static void misbehave(void) {
    puts("The most bashful of all libraries welcomes you!");
}
