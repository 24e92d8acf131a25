/* SPDX-License-Identifier: MIT */
#include "heap/recording/private.h"

#include <math.h>
#include <string.h>

const json_t *take_member(struct recording_loader *loader, const json_t *object, const char *name,
			  json_type type)
{
	static const char *const types[] = {
		[JSON_OBJECT] = "object", [JSON_ARRAY] = "array",  [JSON_STRING] = "text",
		[JSON_INTEGER] = "whole number",
	};
	const json_t *value = json_object_get(object, name);
	if (!value || json_is_null(value) || json_typeof(value) == type)
		return json_is_null(value) ? NULL : value;
	loader_refuse(loader, "'%s' is no %s", name, types[type]);
	return NULL;
}

int64_t take_integer(struct recording_loader *loader, const json_t *object, const char *name,
		     int64_t least, const int64_t *fallback)
{
	const json_t *value = take_member(loader, object, name, JSON_INTEGER);
	if (!value) {
		if (!fallback)
			loader_refuse(loader, "it has no '%s'", name);
		return fallback ? *fallback : 0;
	}
	int64_t number = json_integer_value(value);
	if (number >= least && number <= MOST_NUMBER)
		return number;
	loader_refuse(loader, "'%s' cannot be %lld", name, (long long)number);
	return 0;
}

double take_seconds(struct recording_loader *loader, const json_t *object, const char *name,
		    const double *fallback)
{
	const json_t *value = json_object_get(object, name);
	if ((!value || json_is_null(value)) && fallback)
		return *fallback;
	double seconds = json_is_number(value) ? json_number_value(value) : NAN;
	if (seconds >= 0 && seconds <= 1e10)
		return seconds;
	loader_refuse(loader, value ? "'%s' is no time" : "it has no '%s'", name);
	return 0;
}

const char *take_text(struct recording_loader *loader, const json_t *object, const char *name,
		      bool needed)
{
	const json_t *value = take_member(loader, object, name, JSON_STRING);
	if (value)
		return loader_text(loader, json_string_value(value), json_string_length(value));
	if (needed)
		loader_refuse(loader, "it has no '%s'", name);
	return NULL;
}

bool take_flag(struct recording_loader *loader, const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);
	if (value && !json_is_boolean(value) && !json_is_null(value))
		loader_refuse(loader, "'%s' is neither true nor false", name);
	return json_is_true(value);
}
