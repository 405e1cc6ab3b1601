"""What `generate`, `enlarge`, `placeholders` and `again` take."""

from ..values import guidance, share, size, whole
from .common import MOST, STEPS, batch_of, device_of


def add(command):
    """Add the commands; `command(name, summary, *examples)` makes a parser."""
    new = command(
        "generate",
        "Generate samples into a picture, an animation, an array file or a folder of pictures.",
        'minidiff generate "a red fox in snow" -n 4 --steps 25 --guidance 4 --negative night --seed 7 '
        "-o fox.png",
        'minidiff generate "a red fox in snow" --model scenes-fast -n 16 -o foxes.png',
        "minidiff generate --from prompts.txt -n 100 -o placeholders/",
        'minidiff generate "a red fox in snow" --frames -o fox.gif',
        "minidiff generate --variations-of fox.png -n 4 -o foxes.png",
        "minidiff generate 3 1 4 --model digits -n 8 --seed 1 -o digits.png",
        'minidiff generate "a seven moving left" --model clips-digits -n 8 -o sevens.gif',
        'minidiff generate "a thick seven" --model digits-text --guidance 2 --negative thin '
        "-o sevens.npz",
    )
    new.add_argument(
        "prompts", nargs="*", metavar="PROMPT", help="a text or a label, if it takes one"
    )
    new.add_argument(
        "--from",
        dest="source",
        metavar="FILE",
        help="more prompts, one a line, but for # comments; - is standard input",
    )
    new.add_argument(
        "--model",
        help="a shipped model's name, or a trained one's folder (default: scenes; for many pictures "
        "or a slow machine scenes-fast, in 4 network calls instead of 32, a little less often right, "
        "with no --guidance and no --negative)",
    )
    new.add_argument(
        "-n", type=whole(1, MOST), default=1, metavar="N", help="samples for each prompt"
    )
    new.add_argument(
        "--seed",
        type=whole(0),
        default=0,
        metavar="S",
        help="of each prompt's first sample; the others have S + 1, S + 2, ... (default: 0)",
    )
    new.add_argument("--steps", type=whole(1, STEPS), metavar="K", help="steps of the sampler")
    new.add_argument("--sampler", metavar="NAME", help="ddim, ddpm, heun, dpmpp_2m, consistency")
    new.add_argument(
        "--guidance", type=guidance, metavar="W", help="how strictly to obey; 1 is none"
    )
    new.add_argument("--negative", metavar="PROMPT", help="what to steer away from; needs guidance")
    new.add_argument("--size", type=size, metavar="WxH", help="of the pictures, such as 96x64")
    new.add_argument(
        "--frames",
        nargs="?",
        type=whole(1, 1000),
        const=True,
        metavar="F",
        help="of pictures: an animation of the steps instead; of clips: how many frames",
    )
    new.add_argument(
        "--first", metavar="FILE", help="of clips: a picture, which becomes the first frame"
    )
    new.add_argument(
        "--variations-of",
        metavar="FILE",
        help="in place of prompts: paint other pictures of what this one shows (model: variations)",
    )
    new.add_argument(
        "--enlarge", type=whole(1, 1024), metavar="K", help="screen pixels for each pixel, each way"
    )
    new.add_argument(
        "--enlarge-to",
        type=whole(1, 4096),
        metavar="PIXELS",
        help="have a second model paint the pictures at twice or four times their size, such as 128",
    )
    batch_of(new, "samples in memory at a time; less needs less of it")
    new.add_argument(
        "-o",
        dest="out",
        required=True,
        metavar="PATH",
        help=".png: a grid; .npz: arrays; ending in /: a folder, a file for each, which the same "
        "command goes on with if it was interrupted; "
        ".gif or .png with --frames; clips: .gif, .webp or .mp4, .png: film strips, .npz: arrays",
    )
    device_of(new)

    new = command(
        "enlarge",
        "Paint a picture anew at twice or four times its size; details are invented.",
        "minidiff enlarge small.png -o large.png",
        'minidiff enlarge small.png --prompt "a red fox in snow" --times 4 -o large.png',
    )
    new.add_argument("file", metavar="FILE", help="any picture, such as a .png or a .jpg")
    new.add_argument("--prompt", metavar="TEXT", help="what it shows (default: not told)")
    new.add_argument("--times", type=int, choices=(2, 4), default=2, help="default: 2")
    new.add_argument("--seed", type=whole(0), default=0, metavar="S", help="default: 0")
    new.add_argument("--steps", type=whole(1, STEPS), metavar="K", help="steps of the sampler")
    new.add_argument(
        "--strength",
        type=share,
        default=0.05,
        metavar="S",
        help="noise laid over the picture first, 0 to 0.5: more invents more (default: 0.05)",
    )
    new.add_argument("-o", dest="out", required=True, metavar="PATH", help="a .png")
    device_of(new)

    new = command(
        "placeholders",
        "Paint the pictures of a table into a folder, with an index.csv and a contact sheet.",
        "minidiff placeholders prompts.csv -o placeholders",
    )
    new.add_argument(
        "file",
        metavar="FILE",
        help="a .csv with a column prompt, and width, height, seed, name where you wish them",
    )
    new.add_argument("--model", default="scenes-fast", help="default: scenes-fast")
    batch_of(new, "pictures in memory at a time (default: 16)")
    new.add_argument(
        "-o",
        dest="out",
        required=True,
        metavar="DIR",
        help="a folder, which the same command goes on with if it was interrupted",
    )
    device_of(new)

    new = command(
        "again",
        "Make a picture or an animation that generate wrote anew, from what it says of itself.",
        "minidiff again fox.png -o same-fox.png",
    )
    new.add_argument("file", metavar="FILE", help="a .png, .gif or .webp that generate wrote")
    new.add_argument("-o", dest="out", metavar="PATH", help="default: FILE-again, beside it")
    device_of(new)
