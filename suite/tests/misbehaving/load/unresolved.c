/* Needs a function that no library has. */
extern int a_function_that_nobody_has(void);

int (*needed)(void) = a_function_that_nobody_has;
