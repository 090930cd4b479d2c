/* check: programmer mistakes end the process, in release builds too.
 *
 * CHECK() is for what only a wrong line of ours can make false. Bytes from
 * outside are never CHECKed: they are refused with an enum err. */
#ifndef BASE_CHECK_H
#define BASE_CHECK_H

#define CHECK(cond)                                                            \
    ((cond) ? (void)0 : check_fail(#cond, __FILE__, __LINE__))

_Noreturn void check_fail(const char *cond, const char *file, int line);

#endif
