/* Needs a function that no library has. */
extern int a_function_that_does_not_exist(void);

int (*needed)(void) = a_function_that_does_not_exist;
