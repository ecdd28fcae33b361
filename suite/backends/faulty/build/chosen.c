/*
 * Chooses the active fault when the object is loaded, by the environment variable WRITEPROOF_FAULT, and keeps account
 * of the faults whose places were reached: where nobody asked for a fault, it would have changed nothing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chosen.h"

/* The names by number, and how many there are: number 0 is none. */
static const char *const names[] = {
    "",
#include "names.h"
};
enum { FAULTS = sizeof(names) / sizeof(*names) };

static int active = 0;
static _Thread_local unsigned char asked[FAULTS];
_Thread_local unsigned long writeproof_memory;

__attribute__((constructor)) static void choose(void) {
    const char *name = getenv("WRITEPROOF_FAULT");
    if (name == NULL || *name == '\0')
        return;
    for (int number = 1; number < FAULTS; number++)
        if (strcmp(name, names[number]) == 0)
            active = number;
    if (active != 0)
        return;
    fprintf(stderr, "WRITEPROOF_FAULT: no fault is named \"%s\"; there are:\n", name);
    for (int number = 1; number < FAULTS; number++)
        fprintf(stderr, "%s\n", names[number]);
    abort();
}

int writeproof_fault(int number) {
    asked[number] = 1;
    return active == number;
}

/* Stores for each fault whether this thread has asked for it since the last call; answers how many faults there are. */
int writeproof_faults_asked(unsigned char *flags, int room) {
    for (int number = 1; number < FAULTS && number <= room; number++)
        flags[number - 1] = asked[number];
    memset(asked, 0, sizeof(asked));
    return FAULTS - 1;
}
