"""Activations as a user writes them: right ones, and wrong ones by their names."""

import numpy as np


class Own:
    """What all have: a name."""

    def __repr__(self):
        return f"{type(self).__name__}()"


class Softplus(Own):
    """Smooth, and not zero at zero."""

    def forward(self, Z):
        return np.logaddexp(0, Z)

    def derivative(self, Z):
        return 1 / (1 + np.exp(-Z))


class Hard(Own):
    """With two kinks, by a parameter."""

    def __init__(self, end=1.0):
        self.end = end

    def forward(self, Z):
        return np.clip(Z, -self.end, self.end)

    def derivative(self, Z):
        return abs(Z) <= self.end


class Steep(Own):
    """Of a slope of 100."""

    def forward(self, Z):
        return np.tanh(100 * Z)

    def derivative(self, Z):
        return 100 / np.cosh(np.clip(100 * Z, -80, 80)) ** 2


RIGHT = [Softplus(), Hard(), Hard(3.0), Steep()]


class Slip(Softplus):
    """A derivative of the activation where that of Z is asked for."""

    def derivative(self, Z):
        return 1 - np.exp(-Z / 10)


class InPlace(Hard):
    def forward(self, Z):
        return np.clip(Z, -1, 1, out=Z)


class Softmax(Own):
    """Not a function of each entry alone."""

    def forward(self, Z):
        e = np.exp(Z - Z.max(axis=0))
        return e / e.sum(axis=0)

    def derivative(self, Z):
        p = self.forward(Z)
        return p * (1 - p)


class Noise(Hard):
    def forward(self, Z):
        return super().forward(Z) + np.random.uniform(size=Z.shape)


class Root(Own):
    def forward(self, Z):
        return np.sqrt(Z)

    def derivative(self, Z):
        return 0.5 / np.sqrt(Z)


class Sums(Hard):
    def forward(self, Z):
        return Z.sum(axis=0)


class Text(Hard):
    def forward(self, Z):
        return Z.astype(str)


class Error(Hard):
    def derivative(self, Z):
        raise KeyError("slope")


class Rough(Softplus):
    """Right in float64 alone."""

    def derivative(self, Z):
        return super().derivative(Z) * (1.1 if Z.dtype == np.float32 else 1)


# By what is said of each.
WRONG = [
    (Slip(), r"Slip\(\) must .* at z = -20 .*: a difference of 6\.4"),
    (InPlace(), r"InPlace\(\) .*`forward` .* a new array and leaves Z as it was"),
    (Softmax(), r"Softmax\(\) .*`forward` .* each entry of Z alone"),
    (Noise(), r"Noise\(\) .*`forward` .* the same number each time"),
    (Root(), r"Root\(\) .*`forward` .* finite numbers; got nan at -20"),
    (Sums(), r"Sums\(\) .*`forward` .* of shape \(25,\) for shape \(16, 25\)"),
    (Text(), r"Text\(\) .*`forward` .* numbers of the shape of Z; got <U"),
    (Error(), r"Error\(\) .*`derivative` .* raised KeyError: 'slope'"),
    (Rough(), r"Rough\(\) .* `derivative` in float32 is .* in float64 .* difference"),
    (Softplus, r"<class .*`forward` .* missing 1 required positional argument"),
]
