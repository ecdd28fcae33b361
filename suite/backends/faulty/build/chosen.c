/*
 * Selects the active fault when the object is loaded, by the environment variable WRITEPROOF_FAULT,
 * and records which faults were reached. A fault that is not reached changes nothing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chosen.h"

/* The names by number, and their count. Number 0 is no fault. */
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

/*
 * Stores for each fault whether this thread has reached it since the last call. Returns the number
 * of faults.
 */
int writeproof_faults_asked(unsigned char *flags, int room) {
    for (int number = 1; number < FAULTS && number <= room; number++)
        flags[number - 1] = asked[number];
    memset(asked, 0, sizeof(asked));
    return FAULTS - 1;
}
