/* Which fault is active; included before everything else in each file that has any. */
#ifndef WRITEPROOF_CHOSEN_H
#define WRITEPROOF_CHOSEN_H

/* Whether the fault of this number is active. Also notes, for this thread, that somebody asked. */
int writeproof_fault(int number);

/* For faults that have to remember something of a connection; 0 when a connection is made on this thread. */
extern _Thread_local unsigned long writeproof_memory;

#endif
