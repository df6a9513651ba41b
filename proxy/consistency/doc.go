// Package consistency lets requests choose how fresh a read of the pinset must be.
package consistency
