/* The active fault. Included first in each file with a fault. */
#ifndef WRITEPROOF_CHOSEN_H
#define WRITEPROOF_CHOSEN_H

/* Whether the fault of this number is active. Also records that this thread has reached it. */
int writeproof_fault(int number);

/*
 * For faults that remember something of a connection. Set to 0 when a connection is created on this
 * thread.
 */
extern _Thread_local unsigned long writeproof_memory;

#endif
