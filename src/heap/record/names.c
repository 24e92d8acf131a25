/* SPDX-License-Identifier: MIT */
#include <heapspy/record.h>

const char *heapspy_record_kind_name(enum heapspy_record_kind kind)
{
	static const char *const names[] = {
#define X(name, json_name) [HEAPSPY_RECORD_##name] = json_name,
		HEAPSPY_RECORD_KINDS(X)
#undef X
	};
	return names[kind];
}

const char *heapspy_record_counter_name(enum heapspy_record_counter counter)
{
	static const char *const names[] = {
#define X(name, json_name) [HEAPSPY_RECORD_##name] = json_name,
		HEAPSPY_RECORD_COUNTERS(X)
#undef X
	};
	return names[counter];
}

const char *heapspy_record_source_name(enum heapspy_record_source source)
{
	static const char *const names[] = {
#define X(name, json_name) [HEAPSPY_RECORD_##name] = json_name,
		HEAPSPY_RECORD_SOURCES(X)
#undef X
	};
	return names[source];
}

const char *heapspy_record_reason_name(enum heapspy_record_reason reason)
{
	static const char *const names[] = {
#define X(name, json_name) [HEAPSPY_RECORD_##name] = json_name,
		HEAPSPY_RECORD_REASONS(X)
#undef X
	};
	return names[reason];
}
