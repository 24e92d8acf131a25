/* SPDX-License-Identifier: MIT */
/* The names of what the public API counts up. */
#include <heapspy/attach.h>
#include <heapspy/stack.h>

const char *heapspy_target_kind_name(enum heapspy_target_kind kind)
{
	static const char *const names[] = {
#define X(name, json_name) [HEAPSPY_TARGET_##name] = json_name,
		HEAPSPY_TARGET_KINDS(X)
#undef X
	};
	return names[kind];
}

const char *heapspy_capture_mode_name(enum heapspy_capture_mode mode)
{
	static const char *const names[] = {
#define X(name, json_name) [HEAPSPY_CAPTURE_##name] = json_name,
		HEAPSPY_CAPTURE_MODES(X)
#undef X
	};
	return names[mode];
}

const char *heapspy_thread_state_name(enum heapspy_thread_state state)
{
	static const char *const names[] = {
#define X(name, letter, json_name) [HEAPSPY_THREAD_##name] = json_name,
		HEAPSPY_THREAD_STATES(X)
#undef X
	};
	return names[state];
}
