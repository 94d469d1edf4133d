// Package sunoclips is the adapter of Suno's own token-based API, that of its
// hackathons. It knows clips and lyrics, but no tasks:
//
//	GET clips?ids=a,b,c   an array of clips, bare or as {"clips": […]}
//	GET lyrics/{id}       one lyric
//
// So a task with audio is a group of clip ids, which [task.Ref] names (see
// group). One request asks for the clips of many groups, and a group that is
// longer than a request is asked for in several; its observation is put together
// afterwards from what all of them brought, and a clip that breaks its request
// hides no other:
//
//	refs ─▶ groups ─▶ clip ids ─▶ requests ─▶ clips by id ─▶ observations
//
// The status of a group is left to its items while they go on. The adapter alone
// knows how many clips the group has, so it is the one to say that all of them
// have ended. A clip that is missing from the answer has not.
//
// A clip may be complete and have no audio: since August 2026 audio_url can be a
// sentinel. It is handed on as it is, and the group as complete; package task
// takes the sentinel for no URL and so waits, and applies the CDN rule when the
// time is up.
package sunoclips
