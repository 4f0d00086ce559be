//! Layouts of codes for language models: the order of the codes, an offset for each codebook, and special
//! tokens. `docs/spec/layouts.md` defines them.

use std::fmt;
use std::str::FromStr;

use dac_rvq::{Codes, CodesError};
use thiserror::Error;

/// Order of the codes of a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Layout {
    /// `[frames, codebooks]`: a row for each frame.
    Frames,
    /// `[1, codebooks · frames]`: all frames of codebook 0, then of codebook 1, ….
    Flat,
    /// `[1, frames · codebooks]`: all codebooks of frame 0, then of frame 1, ….
    Interleaved,
    /// `[codebooks, steps]`: codebook k starts as many steps later as the k-th number; without numbers, k.
    Delay(Vec<usize>),
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Frames => f.write_str("frames"),
            Self::Flat => f.write_str("flat"),
            Self::Interleaved => f.write_str("interleaved"),
            Self::Delay(delays) if delays.is_empty() => f.write_str("delay"),
            Self::Delay(delays) => {
                let delays: Vec<_> = delays.iter().map(ToString::to_string).collect();
                write!(f, "delay:{}", delays.join(","))
            }
        }
    }
}

impl FromStr for Layout {
    type Err = LayoutError;

    fn from_str(text: &str) -> Result<Self, LayoutError> {
        let unknown = || LayoutError::Unknown { text: text.to_owned() };
        match text.split_once(':') {
            None => match text {
                "frames" => Ok(Self::Frames),
                "flat" => Ok(Self::Flat),
                "interleaved" => Ok(Self::Interleaved),
                "delay" => Ok(Self::Delay(Vec::new())),
                _ => Err(unknown()),
            },
            Some(("delay", delays)) => {
                let delay = |delay: &str| delay.parse().ok().filter(|delay| *delay <= MAX_DELAY);
                let delays: Option<Vec<usize>> = delays.split(',').map(delay).collect();
                delays.map(Self::Delay).ok_or_else(unknown)
            }
            Some(_) => Err(unknown()),
        }
    }
}

/// Largest delay of a codebook, in steps.
const MAX_DELAY: usize = 10_000;

/// A layout with its special tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayoutSettings {
    /// Order of the codes.
    pub layout: Layout,
    /// Added to the codes of codebook k: k times this number. 0 for none.
    pub codebook_offset: usize,
    /// Token at the start.
    pub bos: Option<u16>,
    /// Token at the end.
    pub eos: Option<u16>,
    /// Token where a delayed codebook has no code.
    pub pad: Option<u16>,
}

/// Reason why codes cannot be arranged or restored.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum LayoutError {
    /// The name of a layout is unknown.
    #[error(
        "unknown layout {text:?}: expected frames, flat, interleaved, delay, or delay:0,1,2,… up to 10000"
    )]
    Unknown {
        /// Rejected text.
        text: String,
    },
    /// The layout has another number of delays than the codes have codebooks.
    #[error("the layout has {found} delays; the codes have {codebooks} codebooks")]
    Delays {
        /// Number of delays.
        found: usize,
        /// Number of codebooks.
        codebooks: usize,
    },
    /// A delay needs tokens for the places without codes.
    #[error("the layout delay needs a token for places without codes: give pad, or both bos and eos")]
    NoPad,
    /// A special token is also a code.
    #[error("the special token {token} is also a code; special tokens start at {first}")]
    Special {
        /// The token.
        token: u16,
        /// Number that is above all codes.
        first: usize,
    },
    /// A token is too large for 16 bits.
    #[error("token {found} exceeds 65535; use a smaller codebook offset")]
    TooLarge {
        /// The token.
        found: usize,
    },
    /// The number of tokens does not fit the number of codebooks.
    #[error("{found} tokens without special ones are not a multiple of {codebooks} codebooks")]
    Length {
        /// Number of tokens.
        found: usize,
        /// Number of codebooks.
        codebooks: usize,
    },
    /// A token is below the offset of its codebook.
    #[error(
        "token {found} at frame {frame} is not of codebook {codebook}, whose tokens start at {first}; check \
         the layout, the codebook offset and the special tokens"
    )]
    Token {
        /// The token.
        found: u16,
        /// Its frame.
        frame: usize,
        /// Its codebook.
        codebook: usize,
        /// First token of the codebook.
        first: usize,
    },
    /// The layout does not contain the number of codebooks, which is not known otherwise.
    #[error("the number of codebooks is unknown: give it")]
    NoCodebooks,
    /// The array has another shape than the layout.
    #[error("an array of shape {found:?} is not in the layout {layout}")]
    Shape {
        /// Shape of the array.
        found: [usize; 3],
        /// Layout that was expected.
        layout: String,
    },
    /// The result is not a valid array of codes.
    #[error(transparent)]
    Codes(#[from] CodesError),
}

/// Codes of one channel, frame by frame.
type Frames = Vec<Vec<u16>>;

impl LayoutSettings {
    /// Uses a layout without offset and special tokens.
    pub fn new(layout: Layout) -> Self {
        Self { layout, codebook_offset: 0, bos: None, eos: None, pad: None }
    }

    /// Checks that there is a token for every place without a code.
    ///
    /// # Errors
    /// Fails if codebooks are delayed, and neither PAD nor both BOS and EOS are given.
    pub fn check(&self) -> Result<(), LayoutError> {
        let has_token = self.pad.is_some() || self.bos.is_some() && self.eos.is_some();
        if matches!(self.layout, Layout::Delay(_)) && !has_token { Err(LayoutError::NoPad) } else { Ok(()) }
    }

    /// Arranges codes `[channels, codebooks, frames]`. `codebook_size` is the number of entries per codebook.
    /// The result is `[channels, rows, columns]`, with the rows and columns of the [`Layout`].
    ///
    /// # Errors
    /// Fails if a token does not fit 16 bits or is a code and a special token, or the delays do not fit.
    pub fn arrange(&self, codes: &Codes, codebook_size: Option<usize>) -> Result<Codes, LayoutError> {
        let [channels, codebooks, frames] = codes.shape();
        let largest = codes.as_slice().iter().max().map_or(0, |code| usize::from(*code) + 1);
        let first = codebooks.saturating_sub(1) * self.codebook_offset + codebook_size.unwrap_or(largest);
        if let Some(token) = self.specials().find(|token| usize::from(*token) < first) {
            return Err(LayoutError::Special { token, first });
        }
        let delays = self.delays(codebooks)?;
        let (mut tokens, mut shape) = (Vec::new(), [channels, 0, 0]);
        for channel in 0..channels {
            let start = channel * codebooks * frames;
            let code = |codebook: usize, frame: usize| -> Result<u16, LayoutError> {
                let code =
                    codes.as_slice().get(start + codebook * frames + frame).copied().unwrap_or_default();
                let token = usize::from(code) + codebook * self.codebook_offset;
                u16::try_from(token).map_err(|_| LayoutError::TooLarge { found: token })
            };
            let (rows, columns) = match &self.layout {
                Layout::Frames => {
                    let special =
                        |token: Option<u16>| token.map(|token| vec![token; codebooks]).unwrap_or_default();
                    tokens.extend(special(self.bos));
                    for frame in 0..frames {
                        for codebook in 0..codebooks {
                            tokens.push(code(codebook, frame)?);
                        }
                    }
                    tokens.extend(special(self.eos));
                    (frames + self.ends(), codebooks)
                }
                Layout::Flat | Layout::Interleaved => {
                    tokens.extend(self.bos);
                    for index in 0..codebooks * frames {
                        tokens.push(if self.layout == Layout::Flat {
                            code(index / frames, index % frames)?
                        } else {
                            code(index % codebooks, index / codebooks)?
                        });
                    }
                    tokens.extend(self.eos);
                    (1, codebooks * frames + self.ends())
                }
                Layout::Delay(_) => {
                    let bos = usize::from(self.bos.is_some());
                    let longest = delays.iter().max().copied().unwrap_or(0);
                    let steps = frames + self.ends() + longest;
                    for (codebook, delay) in delays.iter().enumerate() {
                        for step in 0..steps {
                            let place = step.checked_sub(delay + bos);
                            tokens.push(match place {
                                None => self.bos.or(self.pad).ok_or(LayoutError::NoPad)?,
                                Some(frame) if frame < frames => code(codebook, frame)?,
                                Some(frame) if frame == frames && self.eos.is_some() => {
                                    self.eos.ok_or(LayoutError::NoPad)?
                                }
                                Some(_) => self.pad.or(self.eos).ok_or(LayoutError::NoPad)?,
                            });
                        }
                    }
                    (codebooks, steps)
                }
            };
            shape = [channels, rows, columns];
        }
        Ok(Codes::new(tokens, shape)?)
    }

    /// Restores codes `[channels, codebooks, frames]`. Leading BOS tokens are dropped, and a channel ends at
    /// its first EOS or PAD token or incomplete frame, as language models end; all channels end with the
    /// shortest. `codebooks` is needed for the layouts flat and interleaved.
    ///
    /// # Errors
    /// Fails if the array does not have the shape of the layout or a token is not of its codebook.
    pub fn restore(&self, arranged: &Codes, codebooks: Option<usize>) -> Result<Codes, LayoutError> {
        let [channels, rows, columns] = arranged.shape();
        let codebooks = match &self.layout {
            Layout::Frames => columns,
            Layout::Delay(_) => rows,
            Layout::Flat | Layout::Interleaved if rows != 1 => {
                return Err(LayoutError::Shape { found: arranged.shape(), layout: self.layout.to_string() });
            }
            Layout::Flat | Layout::Interleaved => {
                codebooks.filter(|codebooks| *codebooks > 0).ok_or(LayoutError::NoCodebooks)?
            }
        };
        let delays = self.delays(codebooks)?;
        let mut all = Vec::new();
        for channel in 0..channels {
            let size = rows * columns;
            let tokens = arranged.as_slice().get(channel * size..(channel + 1) * size).unwrap_or_default();
            let frames = match &self.layout {
                Layout::Frames if columns == 0 => Vec::new(),
                Layout::Frames => tokens.chunks(columns).map(<[u16]>::to_vec).collect(),
                Layout::Interleaved => {
                    self.inside(tokens).chunks_exact(codebooks).map(<[u16]>::to_vec).collect()
                }
                Layout::Flat => flat_frames(self.inside(tokens), codebooks)?,
                Layout::Delay(_) => {
                    let longest = delays.iter().max().copied().unwrap_or(0);
                    let token = |(row, delay): (usize, &usize), frame: usize| {
                        tokens.get(row * columns + frame + delay).copied().unwrap_or_default()
                    };
                    let frame = |frame| delays.iter().enumerate().map(|place| token(place, frame)).collect();
                    (0..columns.saturating_sub(longest)).map(frame).collect()
                }
            };
            all.push(self.without_specials(frames));
        }
        let frames = all.iter().map(Vec::len).min().unwrap_or(0);
        let mut codes = Vec::with_capacity(channels * codebooks * frames);
        for channel in &all {
            for codebook in 0..codebooks {
                let first = codebook * self.codebook_offset;
                for (frame, tokens) in channel.iter().take(frames).enumerate() {
                    let found = tokens.get(codebook).copied().unwrap_or_default();
                    let code =
                        usize::from(found).checked_sub(first).and_then(|code| u16::try_from(code).ok());
                    codes.push(code.ok_or(LayoutError::Token { found, frame, codebook, first })?);
                }
            }
        }
        Ok(Codes::new(codes, [channels, codebooks, frames])?)
    }

    /// Delay of each codebook; none in other layouts.
    fn delays(&self, codebooks: usize) -> Result<Vec<usize>, LayoutError> {
        match &self.layout {
            Layout::Delay(delays) if delays.is_empty() => Ok((0..codebooks).collect()),
            Layout::Delay(delays) if delays.len() == codebooks => Ok(delays.clone()),
            Layout::Delay(delays) => Err(LayoutError::Delays { found: delays.len(), codebooks }),
            _ => Ok(Vec::new()),
        }
    }

    fn specials(&self) -> impl Iterator<Item = u16> {
        [self.bos, self.eos, self.pad].into_iter().flatten()
    }

    /// Number of places that BOS and EOS take.
    fn ends(&self) -> usize {
        usize::from(self.bos.is_some()) + usize::from(self.eos.is_some())
    }

    /// Tokens between BOS and the first EOS or PAD.
    fn inside<'a>(&self, tokens: &'a [u16]) -> &'a [u16] {
        let start = tokens.iter().take_while(|token| Some(**token) == self.bos).count();
        let tokens = tokens.get(start..).unwrap_or_default();
        let end = tokens.iter().position(|token| self.is_end(*token)).unwrap_or(tokens.len());
        tokens.get(..end).unwrap_or_default()
    }

    fn without_specials(&self, frames: Frames) -> Frames {
        let is_bos = |frame: &Vec<u16>| self.bos.is_some_and(|bos| frame.contains(&bos));
        let inside = frames.into_iter().skip_while(is_bos);
        inside.take_while(|frame| !frame.iter().any(|token| self.is_end(*token))).collect()
    }

    fn is_end(&self, token: u16) -> bool {
        Some(token) == self.eos || Some(token) == self.pad
    }
}

/// Frames of tokens that are sorted by codebook.
fn flat_frames(tokens: &[u16], codebooks: usize) -> Result<Frames, LayoutError> {
    if !tokens.len().is_multiple_of(codebooks) {
        return Err(LayoutError::Length { found: tokens.len(), codebooks });
    }
    let frames = tokens.len() / codebooks;
    let token =
        |codebook: usize, frame: usize| tokens.get(codebook * frames + frame).copied().unwrap_or_default();
    Ok((0..frames).map(|frame| (0..codebooks).map(|codebook| token(codebook, frame)).collect()).collect())
}
