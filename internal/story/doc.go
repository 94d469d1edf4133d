// Package story tells what happened to one row, and what will: it gathers what the
// database knows of the row from the tables of the application, of tasksync and of River.
//
// `tasksync explain`, GET /admin/generations/{id} and the console show the same [Story].
// It has no titles, prompts or lyrics: an operator needs to know that a clip has them,
// and not what they are.
package story
