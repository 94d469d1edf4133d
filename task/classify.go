package task

import (
	"regexp"
	"strings"
)

// Classify labels a provider's error text. Rules are tried in order, without
// regard to case; no rule names a brand, since white-label providers change it.
// ok is false for a text that no rule knows: what it means then depends on the
// task's own state, so only the caller can tell. The refused word, if any,
// stays in the text.
//
// A text alone never yields [TaskDead] for a call that failed: a caller that
// has no terminal status in hand treats TaskDead as transient.
func Classify(text string) (code Code, verdict Verdict, ok bool) {
	text = normalize(text[:min(len(text), maxClassified)])
	for _, r := range rules {
		if r.match.MatchString(text) {
			return r.code, r.verdict, true
		}
	}
	return APIError, Transient, false
}

// maxClassified bounds what of a text is looked at, in bytes: what matters
// stands at the beginning, and an upstream may send megabytes.
const maxClassified = 8 << 10

type rule struct {
	code    Code
	verdict Verdict
	match   *regexp.Regexp
}

// The order matters: account and provider failures come first, because their
// texts can contain words of the content classes ("validation", "timeout");
// moderation comes after copyright, because a moderation bucket is refined by
// the message it carries.
var rules = []rule{ //nolint:gochecknoglobals // a constant table
	{APIError, Account, pattern(`credits? (are|is) not enough|insufficient credits|not enough credits|no active subscription|not have an active subscription|\bunauthorized\b|invalid[_ ]token|token validation failed|access denied|api key|captcha`)},
	{APIError, UnknownTask, pattern(`\b(task|record) (is |was |does |has )?not (been )?(found|exist)|record ?info is null`)},
	{APIError, TaskDead, pattern(`credits were (previously )?refunded|rate limited - timeout|timeout while waiting|job failed|task failed|technical issues|^internal error, please try again|^time ?out$`)},
	{APIError, Transient, pattern(`maintenance|being maintained|not ready|rate limit|too many requests|call frequency|service unavailable|no available worker|internal server error|^server error|bad gateway|gateway time-?out|http 50\d|connection reset|tls error|read timeout`)},
	{ProducerTag, Permanent, pattern(`producer tags?\b|artist'?s? names?\b`)},
	{Copyrighted, Permanent, pattern(`copyright|matches existing work`)},
	{InappropriateContent, Permanent, pattern(`inappropriate|prohibited words?|sensitive[_ ]word`)},
	{ModerationFlagged, Permanent, pattern(`moderation`)},
	{MalformedPrompt, Permanent, pattern(`malformed|lyrics format is invalid|try rephrasing`)},
	{InvalidRequest, Permanent, pattern(`\btoo long\b|\bis required\b|\bmust be (a|an|at|between|less|greater|one)\b|validation error|invalid parameter`)},
}

func pattern(expr string) *regexp.Regexp { return regexp.MustCompile(expr) }

// normalize folds case, dashes and white space, so that " - " and an em dash
// are the same to the rules.
func normalize(text string) string {
	text = strings.ToLower(text)
	text = strings.NewReplacer("—", "-", "–", "-", "’", "'").Replace(text)
	return strings.Join(strings.Fields(text), " ")
}
