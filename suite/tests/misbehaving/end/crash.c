/* Crashes when the process exits, with all its work done. */
__attribute__((destructor)) static void misbehave(void) {
    *(volatile char *)0 = 1;
}
