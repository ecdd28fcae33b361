/* Crashes when the process exits, after all its work. */
__attribute__((destructor)) static void misbehave(void) {
    *(volatile char *)0 = 1;
}
