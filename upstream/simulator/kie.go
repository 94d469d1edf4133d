package simulator

import "fmt"

// kie is the dialect of kie.ai: requests and records are those of sunoapi.org,
// the codes are its own. What 429 means at the one is 402 at the other.
type kie struct{ sunoapi }

var _ wire = kie{}

func (kie) name() string { return "kie" }

func (f kie) routes() []route { return sunoapiRoutes(f) }

// refuse gives codes and texts as the provider documents them. It documents one
// rate limit, so that both ways of a limit are the same, and nothing for an
// unknown task: that is 422 with the text that its like are known to send.
func (kie) refuse(why refusal, detail string) reply {
	switch why {
	case unauthorized:
		return envelope(401, "Unauthorized - Authentication credentials are missing or invalid", nil)
	case tooFrequent, overLimit:
		return envelope(429, "Rate Limited - Request limit has been exceeded for this resource", nil)
	case noCredits:
		return envelope(402, "Insufficient Credits - Account does not have enough credits to perform the operation", nil)
	case maintenance:
		return envelope(455, "Service Unavailable - System is currently undergoing maintenance", nil)
	case unknownTask:
		return envelope(422, taskNotFound, nil)
	case unknownRoute:
		return envelope(404, "Not Found - The requested resource or endpoint does not exist", nil)
	case tooLong:
		return envelope(413, detail+" too long.", nil)
	case badRequest:
		return envelope(422, "Validation Error - "+detail, nil)
	default:
		panic(fmt.Sprintf("simulator: refusal %d", why))
	}
}
