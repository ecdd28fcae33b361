/* Crashes while it is loaded. */
__attribute__((constructor)) static void misbehave(void) {
    *(volatile char *)0 = 1;
}
