/* SPDX-License-Identifier: MIT */
/*
 * Proof that a candidate is a CPython runtime, and that a layout fits it.
 */
#ifndef PYTHON_PROVE_H
#define PYTHON_PROVE_H

#include "python/runtime.h"

enum verdict {
	VERDICT_PROVEN,
	VERDICT_NOT_READY,   /* a runtime with no interpreter: before start-up or after its end */
	VERDICT_FINALIZING,  /* Py_Finalize() is running */
	VERDICT_WRONG,       /* the layout does not fit, or it is no runtime */
	VERDICT_UNREADABLE,  /* memory that must be there cannot be read */
};

/* Test python->address with python->layout; learns type_type, dict_type,
 * hexversion, debug and the interpreters on the way. `reason` says in a few
 * words what failed: static text. */
enum verdict prove_runtime(struct python *python, const char **ret_reason);

#endif
