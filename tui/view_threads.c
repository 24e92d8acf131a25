/* SPDX-License-Identifier: MIT */
/* The threads, and the stack of one of them. */
#include "view.h"

#include <string.h>

#include "text.h"

static const char *state_of(const struct heapspy_thread *thread)
{
	return thread->holds_gil ? "gil" : heapspy_thread_state_name(thread->state);
}

static const char *base_name(const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;
	return slash ? slash + 1 : path;
}

static void format_frame(const struct heapspy_frame *frame, char *text, size_t size)
{
	const char *where = base_name(frame->native ? frame->module : frame->file);
	int length = snprintf(text, size, "%.100s", frame->function ?: "?");
	if (where && frame->line >= 0)
		snprintf(text + length, size - (size_t)length, " (%.60s:%d)", where,
			 (int)frame->line);
	else if (where)
		snprintf(text + length, size - (size_t)length, " (%.60s)", where);
}

static void draw_thread(struct grid *grid, const struct rect *rect, unsigned row,
			const struct heapspy_thread *thread, bool selected)
{
	char text[200];
	snprintf(text, sizeof(text), "%d", (int)thread->tid);
	grid_text(grid, rect, row, 0, ROLE_TEXT, selected ? ">" : " ");
	grid_right(grid, rect, row, 9, ROLE_TEXT, thread->tid ? text : "-");
	grid_middle(grid, rect, row, 10, 15, ROLE_TEXT, thread->name ?: "-");
	grid_text(grid, rect, row, 26, thread->holds_gil ? ROLE_ACCENT : ROLE_TEXT,
		  state_of(thread));
	if (thread->frame_count)
		format_frame(&thread->frames[0], text, sizeof(text));
	else
		strcpy(text, "no Python frame");
	grid_text(grid, rect, row, 35, thread->frame_count ? ROLE_TEXT : ROLE_DIM, text);
	if (selected)
		grid_select_row(grid, rect, row);
}

static void draw_stack(struct grid *grid, const struct rect *rect,
		       const struct heapspy_thread *thread)
{
	char text[200];
	grid_print(grid, rect, 0, 1, ROLE_HEADER, "%s, newest call first%s%s",
		   thread->name ?: "thread", thread->torn ? ", torn" : "",
		   thread->cut ? ", cut" : "");
	for (size_t i = 0; i < thread->frame_count && i + 1 < rect->rows; i++) {
		size_t left = thread->frame_count - i;
		if (i + 2 == rect->rows && left > 1) {
			grid_print(grid, rect, (unsigned)i + 1, 3, ROLE_DIM, "(%zu more)", left);
			return;
		}
		format_frame(&thread->frames[i], text, sizeof(text));
		grid_text(grid, rect, (unsigned)i + 1, 3, ROLE_TEXT, text);
	}
}

/* Does it run, or wait for what holds others up? */
static bool is_at_work(const struct heapspy_thread *thread)
{
	return thread->holds_gil || thread->state == HEAPSPY_THREAD_RUNNING ||
	       thread->state == HEAPSPY_THREAD_BLOCKED;
}

enum { MOST_THREADS = 4096 };

/* Those that are shown, and how many. */
static size_t choose_threads(const struct app *app, const struct heapspy_threads *threads,
			     const struct heapspy_thread **chosen)
{
	size_t count = 0;
	for (size_t i = 0; i < threads->count && count < MOST_THREADS; i++)
		if (!app->at_work || is_at_work(&threads->items[i]))
			chosen[count++] = &threads->items[i];
	return count;
}

/* Those with frames of C stay what they were when they were asked for. */
static const struct heapspy_stack *the_stack(const struct app *app)
{
	const struct heapspy_sample *sample = app->model.sample;
	bool native = app->native && sample && sample->native && !sample->native->trouble;
	if (native)
		return &sample->native->stack;
	return sample && sample->stacks ? &sample->stacks->stack : NULL;
}

/* What is to be said of them, "" for nothing. */
static void describe(const struct app *app, const struct heapspy_stack *stack, size_t count,
		     char *text, size_t size)
{
	const struct heapspy_sample *sample = app->model.sample;
	char clock[TEXT_SIZE], held[TEXT_SIZE];
	text[0] = 0;
	if (app->native && !sample->native)
		snprintf(text, size, "frames of C are being read");
	else if (app->native && sample->native->trouble)
		snprintf(text, size, "no frames of C: %s", sample->native->trouble);
	else if (app->native)
		snprintf(text, size, "with C at %s, held %s", text_clock(clock, stack->time),
			 text_seconds(held, stack->pause));
	else if (app->at_work)
		snprintf(text, size, "%zu of %zu: at work (t)", count, stack->threads.count);
}

void view_threads(struct app *app, struct grid *grid, const struct rect *rect, bool focused)
{
	const struct heapspy_stack *stack = the_stack(app);
	char note[300];
	if (!stack || !rect->rows) {
		grid_text(grid, rect, 0, 1, ROLE_DIM, "the threads have not been read yet");
		return;
	}
	static const struct heapspy_thread *shown[MOST_THREADS];
	size_t count = choose_threads(app, &stack->threads, shown);
	size_t chosen = focused ? app->scroll : 0;
	if (chosen >= count)
		chosen = count ? count - 1 : 0;
	if (focused) {
		app->picking = true;
		app->length = count;
	}
	grid_text(grid, rect, 0, 6, ROLE_HEADER, "TID");
	grid_text(grid, rect, 0, 10, ROLE_HEADER, "NAME");
	grid_text(grid, rect, 0, 26, ROLE_HEADER, "STATE");
	grid_text(grid, rect, 0, 35, ROLE_HEADER, "TOP FRAME");
	describe(app, stack, count, note, sizeof(note));
	grid_text(grid, rect, 0, 46, ROLE_WARN, note);
	unsigned rows = rect->rows - 1 > 4 ? (rect->rows - 1) / 2 : rect->rows - 1;
	rows = count < rows ? (unsigned)count : rows;
	if (focused)
		app->page = rows;
	size_t first = rows && chosen >= rows ? chosen - rows + 1 : 0;
	for (unsigned i = 0; i < rows; i++)
		draw_thread(grid, rect, i + 1, shown[first + i], focused && first + i == chosen);
	if (chosen < count && rows + 2 < rect->rows) {
		struct rect rest = {rect->row + rows + 2, rect->column, rect->rows - rows - 2,
				    rect->columns};
		draw_stack(grid, &rest, shown[chosen]);
	}
}
