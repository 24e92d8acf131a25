/* SPDX-License-Identifier: MIT */
/*
 * A flame graph: stacks from the top down, the oldest frame first, as wide as what
 * they weigh. Nothing that is less than a pixel wide is drawn.
 */
#include "output/recording/svg.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/index.h"
#include "output/format.h"

enum {
	ROW = 20,         /* pixels */
	MOST_DEPTH = 400, /* rows */
	FOOT = 40,
};

static const double narrowest = 1; /* pixels */
static const double letter = 7.3;  /* pixels, of the font with letters of one width */

static const char style[] =
	".f{font-size:12px;fill:#24292f;pointer-events:none}\n"
	"rect.a{fill:#ffb77c}\nrect.b{fill:#ffcf96}\nrect.c{fill:#ffe0a3}\nrect.d{fill:#ffb3a0}\n"
	"rect.l{fill:#b8d8a0}\n"
	"rect.n{fill:#a8c7ec}\nrect.r{fill:#d0d7de}\n"
	"g.w:hover rect{stroke:#24292f;stroke-width:1}\n"
	"g.w{cursor:pointer}\n"
	"@media (prefers-color-scheme:dark){\n"
	".f{fill:#f0f3f6}\n"
	"rect.a{fill:#9a5622}\nrect.b{fill:#82531f}\nrect.c{fill:#75601e}\nrect.d{fill:#8f4234}\n"
	"rect.l{fill:#47662f}\n"
	"rect.n{fill:#335c8a}\nrect.r{fill:#3d444d}\n"
	"g.w:hover rect{stroke:#f0f3f6}\n}\n";

/* A click makes a frame as wide as the picture; one on the first row, or on the frame
 * that is, goes back. Nothing in it comes from the recording. */
static const char script[] =
	"<script><![CDATA[\n"
	"(function(){\n"
	"var frames=[].slice.call(document.querySelectorAll('g.w')),now=null;\n"
	"function num(g,k){return parseFloat(g.getAttribute(k))}\n"
	"function show(to){\n"
	" var x0=to?num(to,'data-x'):0,w0=to?num(to,'data-w'):1,d0=to?num(to,'data-d'):0;\n"
	" frames.forEach(function(g){\n"
	"  var x=num(g,'data-x'),w=num(g,'data-w'),d=num(g,'data-d');\n"
	"  var above=d<d0&&x<=x0+1e-9&&x+w>=x0+w0-1e-9;\n"
	"  var inside=x>=x0-1e-9&&x+w<=x0+w0+1e-9&&d>=d0;\n"
	"  g.style.display=above||inside?'':'none';\n"
	"  if(!above&&!inside)return;\n"
	"  var a=above?0:(x-x0)/w0,b=above?1:w/w0,r=g.querySelector('rect'),t=g.querySelector('text');\n"
	"  r.setAttribute('x',LEFT+a*SPAN);r.setAttribute('width',Math.max(b*SPAN-1,0.5));\n"
	"  g.style.opacity=above?0.6:1;\n"
	"  var s=g.getAttribute('data-t'),n=Math.floor((b*SPAN-9)/LETTER);\n"
	"  t.setAttribute('x',LEFT+a*SPAN+5);\n"
	"  t.textContent=n<3?'':s.length<=n?s:s.slice(0,n-1)+'\\u2026';\n"
	" });\n"
	" now=to;\n"
	"}\n"
	"frames.forEach(function(g){g.addEventListener('click',function(){\n"
	" show(g===now||num(g,'data-d')===0?null:g)})});\n"
	"})();\n"
	"]]></script>\n";

struct node {
	uint32_t frame;  /* of the recording; UINT32_MAX: of no frame */
	uint32_t parent, child, sibling; /* plus 1; 0: none */
	uint32_t depth;
	uint64_t weight; /* with all below */
	double x, width; /* share of the whole */
};

struct tree {
	struct node *nodes;
	size_t count, space;
	struct index children;
	bool no_memory;
};

static void tree_fini(struct tree *tree)
{
	free(tree->nodes);
	index_fini(&tree->children);
}

/* ---- the tree ------------------------------------------------------------------------- */

static bool same_node(const void *things, uint32_t at, const void *sought)
{
	const struct node *left = &((const struct tree *)things)->nodes[at], *right = sought;
	return left->parent == right->parent && left->frame == right->frame;
}

/* The child of a parent (plus 1; 0: there is none) for the frame. UINT32_MAX: no memory. */
static uint32_t child_of(struct tree *tree, uint32_t parent, uint32_t frame, uint32_t depth)
{
	struct node node = {.frame = frame, .parent = parent, .depth = depth};
	uint32_t parts[] = {parent, frame};
	uint64_t hash = index_hash(parts, sizeof(parts), 0);
	uint32_t at = index_find(&tree->children, hash, same_node, tree, &node);
	if (at != UINT32_MAX)
		return at;
	if (!ARRAY_RESERVE(tree->nodes, tree->space, tree->count + 1))
		return UINT32_MAX;
	if (!index_add(&tree->children, hash, (uint32_t)tree->count))
		return UINT32_MAX;
	if (parent) {
		node.sibling = tree->nodes[parent - 1].child;
		tree->nodes[parent - 1].child = (uint32_t)tree->count + 1;
	}
	tree->nodes[tree->count] = node;
	return (uint32_t)tree->count++;
}

static void add_stack(struct tree *tree, const struct heapspy_recorded_stack *stack,
		      uint64_t weight)
{
	uint32_t at = 0;
	tree->nodes[0].weight += weight;
	for (size_t i = 0; i < stack->count && i + 1 < MOST_DEPTH; i++) {
		uint32_t frame = stack->frames[stack->count - 1 - i];
		at = child_of(tree, at + 1, frame, (uint32_t)i + 1);
		if (at == UINT32_MAX) {
			tree->no_memory = true;
			return;
		}
		tree->nodes[at].weight += weight;
	}
}

static int compare_nodes(const void *a, const void *b)
{
	const struct node *left = *(struct node *const *)a, *right = *(struct node *const *)b;
	if (left->weight != right->weight)
		return left->weight < right->weight ? 1 : -1;
	return (left->frame > right->frame) - (left->frame < right->frame);
}

/* Places children side by side, the heaviest first; parents come before them. */
static bool place(struct tree *tree)
{
	CLEANUP(freep) struct node **children = calloc(tree->count, sizeof(*children));
	double whole = (double)tree->nodes[0].weight;
	if (!children)
		return false;
	tree->nodes[0].width = 1;
	for (size_t i = 0; i < tree->count && whole > 0; i++) {
		size_t count = 0;
		for (uint32_t at = tree->nodes[i].child; at; at = tree->nodes[at - 1].sibling)
			children[count++] = &tree->nodes[at - 1];
		qsort(children, count, sizeof(*children), compare_nodes);
		double x = tree->nodes[i].x;
		for (size_t j = 0; j < count; j++) {
			children[j]->x = x;
			children[j]->width = (double)children[j]->weight / whole;
			x += children[j]->width;
		}
	}
	return true;
}

static bool make_tree(struct tree *tree, const struct selection *selection)
{
	const struct heapspy_recording *recording = selection->report->recording;
	if (child_of(tree, 0, UINT32_MAX, 0) == UINT32_MAX)
		return false;
	for (size_t i = 0; i < selection->stack_count && !tree->no_memory; i++) {
		uint64_t weight = selection_weight(selection, selection->stacks[i].grown);
		if (weight > 0)
			add_stack(tree, &recording->stacks[selection->stacks[i].stack->stack],
				  weight);
	}
	return !tree->no_memory && place(tree);
}

/* ---- drawing ----------------------------------------------------------------------------- */

static bool is_library(const char *file)
{
	static const char *const parts[] = {"/site-packages/", "/dist-packages/", "/lib/python3",
					    "<frozen "};
	for (size_t i = 0; file && i < sizeof(parts) / sizeof(*parts); i++)
		if (strstr(file, parts[i]))
			return true;
	return false;
}

static const char *class_of(const struct heapspy_frame *frame)
{
	if (!frame)
		return "r";
	if (frame->native)
		return "n";
	if (is_library(frame->file))
		return "l";
	static const char *const classes[] = {"a", "b", "c", "d"};
	/* Neighbours of two files look different, most of the time. */
	unsigned sum = 0;
	for (const char *at = frame->file; at && *at; at++)
		sum = sum * 31 + (unsigned char)*at;
	return classes[(sum ^ sum >> 7) % 4];
}

/* "Cache.put cache.py:17" */
static char *label_of(const struct heapspy_frame *frame, const char *of_all)
{
	if (!frame)
		return strdup(of_all);
	CLEANUP(freep) char *place = frame_place(frame);
	const char *slash = place ? strrchr(place, '/') : NULL;
	char *label = NULL;
	int length = place ? asprintf(&label, "%s  %s", frame->function, slash ? slash + 1 : place)
			   : asprintf(&label, "%s", frame->function);
	return length < 0 ? NULL : label;
}

static void draw(struct svg *svg, const struct selection *selection, const struct tree *tree,
		 const struct node *node)
{
	FILE *stream = svg->stream;
	const struct heapspy_frame *frames = selection->report->recording->frames;
	const struct heapspy_frame *frame = node->frame == UINT32_MAX ? NULL : &frames[node->frame];
	double span = SVG_WIDTH - 2 * SVG_MARGIN;
	double x = SVG_MARGIN + node->x * span, width = node->width * span;
	double y = SVG_HEAD + node->depth * ROW;
	char bytes[FORMAT_SIZE], share[FORMAT_SIZE];
	CLEANUP(freep) char *label = label_of(frame, "all of it");
	CLEANUP(freep) char *title = frame ? frame_title(frame) : strdup("all of it");
	if (!label || !title) {
		svg->no_memory = true;
		return;
	}
	format_bytes(bytes, node->weight);
	format_ratio(share, (double)node->weight / (double)tree->nodes[0].weight);
	fprintf(stream, "<g class=\"w\" data-x=\"%.9f\" data-w=\"%.9f\" data-d=\"%u\" data-t=\"",
		node->x, node->width, node->depth);
	svg_text(svg, label, 0);
	fputs("\"><title>", stream);
	svg_text(svg, title, 0);
	fprintf(stream,
		"\n%s %s, %s</title><rect class=\"%s\" x=\"%.2f\" y=\"%.0f\" width=\"%.2f\" "
		"height=\"%d\" rx=\"2\"/>",
		bytes, selection_weight_name(selection), share, class_of(frame), x, y,
		fmax(width - 1, 0.5), ROW - 1);
	int columns = (int)((width - 9) / letter);
	fprintf(stream, "<text class=\"f mono\" x=\"%.2f\" y=\"%.0f\">", x + 5, y + ROW - 6);
	if (columns >= 3)
		svg_text(svg, label, (unsigned)columns);
	fputs("</text></g>\n", stream);
}

static void draw_foot(struct svg *svg, double y)
{
	static const struct {
		const char *class, *meaning;
	} marks[] = {{"a", "code of the program"}, {"l", "libraries"}, {"n", "C"}};
	double x = SVG_MARGIN;
	for (size_t i = 0; i < sizeof(marks) / sizeof(*marks); i++) {
		fprintf(svg->stream,
			"<rect class=\"%s\" x=\"%.0f\" y=\"%.0f\" width=\"12\" height=\"12\" rx=\"2\"/>"
			"<text class=\"faint\" x=\"%.0f\" y=\"%.0f\">%s</text>\n",
			marks[i].class, x, y, x + 18, y + 10.5, marks[i].meaning);
		x += 40 + 7 * (double)strlen(marks[i].meaning);
	}
	fprintf(svg->stream,
		"<text class=\"faint right\" x=\"%d\" y=\"%.0f\">the newest frames are at the bottom; "
		"a click on one widens it</text>\n",
		SVG_WIDTH - SVG_MARGIN, y + 10.5);
}

/* Numbers of the picture as the script knows them. */
static void draw_script(struct svg *svg)
{
	fprintf(svg->stream, "<script>var LEFT=%d,SPAN=%d,LETTER=%.1f</script>\n%s", SVG_MARGIN,
		SVG_WIDTH - 2 * SVG_MARGIN, letter, script);
}

struct heapspy_error *write_flame_graph(FILE *stream, const struct selection *selection)
{
	CLEANUP(tree_fini) struct tree tree = {0};
	struct svg svg = {.stream = stream};
	if (!make_tree(&tree, selection))
		return error_no_memory();
	double least = narrowest / (SVG_WIDTH - 2 * SVG_MARGIN);
	uint32_t depth = 0;
	for (size_t i = 0; i < tree.count; i++)
		if (tree.nodes[i].width >= least && tree.nodes[i].depth > depth)
			depth = tree.nodes[i].depth;
	double height = SVG_HEAD + (depth + 1) * ROW;
	char bytes[FORMAT_SIZE], title[100];
	format_bytes(bytes, tree.nodes[0].weight);
	snprintf(title, sizeof(title), "Memory %s by stack: %s",
		 strcmp(selection_weight_name(selection), "kept") == 0 ? "kept"
		 : strcmp(selection_weight_name(selection), "peak") == 0
			 ? "at the peak of each"
			 : "grown in total",
		 bytes);
	svg_begin(&svg, selection, title, height + FOOT, style);
	for (size_t i = 0; i < tree.count && !svg.no_memory; i++)
		if (tree.nodes[0].weight > 0 && tree.nodes[i].width >= least)
			draw(&svg, selection, &tree, &tree.nodes[i]);
	if (tree.nodes[0].weight == 0)
		fprintf(stream, "<text x=\"%d\" y=\"%d\">Nothing grew.</text>\n", SVG_MARGIN,
			SVG_HEAD + ROW - 6);
	draw_foot(&svg, height + 14);
	draw_script(&svg);
	svg_end(&svg);
	return svg.no_memory ? error_no_memory() : NULL;
}
