/* SPDX-License-Identifier: MIT */
/*
 * Scope guards: CLEANUP(thing_freep) struct thing *x = NULL; frees x when it
 * leaves its scope, whatever the path. A type's guard is defined beside its
 * destroy function, with DEFINE_CLEANUP. take_pointer() hands the thing on.
 */
#ifndef BASE_CLEANUP_H
#define BASE_CLEANUP_H

#include <stdlib.h>
#include <unistd.h>

/* A guard that nothing else names is in use all the same. */
#define CLEANUP(function) __attribute__((cleanup(function), unused))

#define DEFINE_CLEANUP(type, destroy)                                          \
	__attribute__((unused)) static inline void destroy##p(type *thing)     \
	{                                                                      \
		if (*thing)                                                    \
			destroy(*thing);                                       \
	}

static inline void freep(void *pointer)
{
	free(*(void **)pointer);
}

static inline void closep(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

#define take_pointer(pointer)                                                  \
	({                                                                     \
		__typeof__(pointer) taken_ = (pointer);                        \
		(pointer) = NULL;                                              \
		taken_;                                                        \
	})

static inline int take_fd(int *fd)
{
	int taken = *fd;
	*fd = -1;
	return taken;
}

#endif
