//! Longer texts of the script.

/// What it thinks, for about ten seconds; `<it>` is about what.
pub(super) const THOUGHTS: &str = "So, <it>. What do I know of it? First there is the word, and then there is the \
    thing, and the two are seldom of the same opinion. Some hold that <it> is simple; they have not met it in the \
    morning. Others hold that it is hard, and write long books in which it does not appear. If I look at <it> from the \
    left, it seems to go right. From above it is round. Let me try it the other way: what would be missing if there \
    were none of it? Quite a lot, and most of it on Tuesdays. Good. I think I can say something about it now.";

/// About 400 words.
pub(super) const STORY: &str = "In a town by a slow river there was a café with a round table, and at the table there \
    was a chair that nobody took. It belonged to the conversation.\n\n\
    Every evening the same people came. Ana, who repaired clocks. Bruno, who had been to sea and would tell you about \
    it. Old Marta, who said little and remembered everything. They talked until the lamps were put out, and when they \
    left in the middle of a sentence, the sentence stayed on the table, folded like a napkin, and the next evening \
    somebody picked it up and went on.\n\n\
    One night a storm came up the valley. It took the roof of the mill and the bell of the church, and it took the \
    lights of the café just as Bruno was about to say what had been in the box. \"And in the box,\" he said, and then \
    it was dark, and everybody ran home through the rain.\n\n\
    In the morning the café was a sorry sight. The windows were broken, the cups were in the river, and the round \
    table lay on its side in the square. People came to look. \"That was that,\" said the baker. \"There will be no \
    more talk here.\"\n\n\
    Marta put the table on its feet. She brushed the leaves from the empty chair, sat down beside it, and took a small \
    book out of her coat. In it, in a hand like stitches, she had written down each thing that had been said, at the \
    moment it was said and before anybody answered. The last line was: And in the box.\n\n\
    \"Bruno,\" she said, \"you had got as far as the box.\"\n\n\
    Bruno looked at the sky, which was clear, and at the square, in which the whole town now stood. He sat down. Ana \
    sat down. The baker, who had never had time, sat down as well.\n\n\
    \"And in the box,\" said Bruno, \"there was another story, wrapped in oilcloth, quite dry. It began in a town by a \
    slow river, where there was a café with a round table.\"\n\n\
    They mended the roof that summer, and the windows after it. The cups were never found. But nobody who came by \
    after a day, or a year, had to ask what had been said while he was away: he sat down, and the conversation went \
    on where it was, with no word lost and none said twice. And the chair that nobody takes is there to this day, in \
    case it should get tired and want to sit.";
