package upstream

import (
	"net/http"
	"slices"
	"strings"
)

// addressHint is what to do about an answer by which the address does not exist;
// empty: the answer says no such thing.
func addressHint(resp *http.Response) string {
	switch resp.StatusCode {
	case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented:
	default:
		return ""
	}
	hint := "the address does not exist there; check the API URL"
	if resp.Request == nil {
		return hint
	}
	if twice := doubled(resp.Request.URL.Path); twice != "" {
		hint += ", which makes the calls go to " + twice
	}
	return hint
}

// doubled is what stands twice in a row in a path, like "/api/v1/api/v1"; empty:
// nothing does.
func doubled(path string) string {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	for n := len(parts) / 2; n > 0; n-- {
		for i := 0; i+2*n <= len(parts); i++ {
			if slices.Equal(parts[i:i+n], parts[i+n:i+2*n]) {
				return "/" + strings.Join(parts[i:i+2*n], "/")
			}
		}
	}
	return ""
}

// cutPath is a base URL without the longest of the paths that it ends in. A server
// that has its API below such a path of its own is reached by writing the path
// twice: it is cut once.
func cutPath(base string, paths []string) string {
	bare := strings.TrimRight(strings.TrimSpace(base), "/")
	longest := ""
	for _, path := range paths {
		if strings.HasSuffix(bare, path) && len(path) > len(longest) {
			longest = path
		}
	}
	return strings.TrimSuffix(bare, longest)
}
