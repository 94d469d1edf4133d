package simulator

import (
	"time"

	"tasksync/task"
)

// The texts are those of real providers; testdata/errors.json has the refusals
// with their classes.

var liveRefusedArtist = refusing(task.ProducerTag,
	"Your tags contain artist name kuban - we don't reference specific artists on Our, please change your tags and try again.",
	"Song Description contained artist name: metallica",
	"Song Description contained producer tag",
	"Tags contained artist name")

var liveRefusedCopyright = refusing(task.Copyrighted,
	"Lyrics contained copyrighted material",
	"Validation Error - Lyrics contained copyrighted material",
	"Couldn't generate that. Your lyrics contain copyrighted material.",
	"Prompt likely copyrighted")

var liveRefusedInappropriate = refusing(task.InappropriateContent,
	"Prompt contained inappropriate material",
	"Content contains prohibited words")

var liveRefusedModeration = refusing(task.ModerationFlagged,
	"Song Description flagged for moderation",
	"Prompt flagged for moderation",
	"clips generation failed: moderation_failure; Unable to generate lyrics from song description")

var liveRefusedMalformed = refusing(task.MalformedPrompt,
	"Prompt likely malformed",
	"Please try rephrasing with more specific details or using a different approach.")

func liveInvalid(p *plot) {
	p.then(0, waiting)
	p.fail(p.soon(), failed, task.InvalidRequest, coded(400, pick(p.draw,
		"Prompt too long.",
		"Title too long.",
		"continue_at must be a number greater than 0")))
}

func liveRefusedAudio(p *plot) {
	if p.lyrics() {
		liveRefusedCopyright(p)
		return
	}
	p.failSoon(failed, task.Copyrighted, coded(413, "Uploaded audio matches existing work of art."))
}

// The refusal is there within seconds, under a status that says nothing of it:
// with code and text, or with a text alone.
func liveRefusedPending(p *plot) {
	code, t := task.Copyrighted, coded(413, "Uploaded audio matches existing work of art.")
	if p.lyrics() || p.IntN(2) == 0 {
		code, t = task.ModerationFlagged, &trouble{text: "Prompt flagged for moderation"}
	}
	p.then(0, waiting)
	p.then(p.soon(), waiting)
	p.ending().trouble = t
	p.fail(p.between(1*time.Minute, 3*time.Minute), failed, code, t)
}

func liveRefusedSilently(p *plot) {
	p.failSoon(refused, task.InappropriateContent, nil)
}

func liveCreateFailed(p *plot) {
	p.failSoon(notCreated, task.APIError,
		coded(500, "Server Error - An unexpected error occurred while processing the request"))
}

func liveInternalError(p *plot) { p.breakDown(500, "Internal Error, Please try again later.") }

func liveAudioFailed(p *plot) { p.breakDown(501, "Audio generation failed") }

func liveRefunded(p *plot) {
	p.breakDown(531, "Server Error - Sorry, the generation failed due to an issue. Your credits have been refunded. Please try again")
}

func liveLacksCredits(p *plot) {
	p.failSoon(failed, task.APIError, coded(500, creditsText))
}

func liveStuck(p *plot) { p.then(0, waiting) }

// A task of one clip stays at the preview, a task of several at its first clip.
func liveStuckStreaming(p *plot) {
	if p.lyrics() {
		liveStuck(p)
		return
	}
	p.succeed(0)
	p.phases = p.phases[:2+min(len(p.items), 2)]
}

func liveForgotten(p *plot) {
	p.then(0, waiting)
	p.code, p.lost = task.APIError, true
}

// refusing draws one of the texts and one of the two ways to say it: a status of
// its own with errorCode 0, or the general failure with code 400.
func refusing(code task.Code, texts ...string) func(*plot) {
	return func(p *plot) {
		text := pick(p.draw, texts...)
		if p.IntN(2) == 0 {
			p.failSoon(refused, code, coded(0, text))
			return
		}
		p.failSoon(failed, code, coded(400, text))
	}
}

// failSoon fails within seconds.
func (p *plot) failSoon(s state, code task.Code, t *trouble) {
	p.then(0, waiting)
	p.fail(p.soon(), s, code, t)
}

// breakDown fails late, when the provider has worked on the task.
func (p *plot) breakDown(code int, text string) {
	p.then(0, waiting)
	p.fail(p.between(20*time.Second, 80*time.Second), failed, task.APIError, coded(code, text))
}

// soon is when a refusal shows.
func (p *plot) soon() time.Duration { return p.between(1*time.Second, 6*time.Second) }
