package limit

// CheckURL says what is wrong with the address of a Redis, as OpenRedis would.
func CheckURL(address string) error {
	_, err := parseURL(address)
	return err
}
