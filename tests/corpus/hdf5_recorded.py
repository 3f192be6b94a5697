"""HDF5 as h5py 3.16 (HDF5 2.0) wrote it, for machines without h5py: attributes and links in heaps, chunks in arrays.

Each holds 12 groups and 13 attributes, text in chunks of a fixed and of an extensible array and of a tree, and a text
in a heap: `h5py.File(…, libver="latest")` for NEW, "earliest" for OLD. The configuration is the only difference.
"""

from __future__ import annotations

import base64
import zlib

from corpus import bad, honest

NEW = (
    "c-rk+e@s<X9RHqs@59S`pbv#KW%_zgk!H!g?*R{}<$%Y70ucen$|VpW(vY7P7-5;SNtl()dQ6?O&0M83GuEJF`bVs2t*!NsYi_x=W-D7(ZcSEp?z"
    "!hY4)+Q356YgM&;8?bzTfXT_nz}T=X-wKd;5w4!Fc;(yR53faD$>h)08!;fBeXn>~%$fatXTa5+DF+zM&q8GtKAe9g^mQ0&tZ|yJBhSJeUQ1<>*;"
    "Msu1^q<R%)~T5BuJs$%Sb+m5=_6Ulj%MFDUCcF%IGsZT9lY1$OSYXnd9^}ZXds3?G5szEA(Ka9jL$NcS4-uz%LZa%1XI%r_fYzJK0fBat3=(p*BK"
    ">-OqCROh|bD^K8qP*z^X474YQ?Xm^i1O={nR^l`7cMusIpOO|lcl14EL0GOps6lEmYfQdK{vR<mJrRb7^d=}xKjtC+#$1nSK$!hkUQETWI45g1b9"
    "s~meZ1W)8@pNiNkL`;+!lKEH5fE7GGR~)3Vm#HHUyLLg6)8nfm1TTdbkNl{DR!in-s*bTy%p0BM10v><`BU?P@1gFR*MK>3H}T*>M;^IVx4w!BR9"
    "FM+B2hNEhKUS&xTKld&}UTU}iU{Uc~d60)D6?4b76+$_eWAx~?La5<#_@1#<LOPct>6J$}z&NM)XyjxE>@bQvWGXHzN1lf^F30_+*Y1QE?xr^a-@"
    "O3KIYoZgulwLKS0v}>v2(DGQ(WIQ{5_oD6z+o^*OEUuJ_G`HWZ;uPo-<t_vrPrtLW5*sVAI4c2eLFZkX=R~v!f9VE^Z$p0cAV1{mFRHv1%^tNjy9"
    "kHj?ClKZlpXQIg#LQi>l=k>vW)m|W;0$<j}MS`S~48tpzaRs(B^)>EC*4+A85;j_wD!9$YE(l&))H%XQ~C>?_)lKlO-zutk1BpG^fVhEB*GT-e!2"
    "WQEB_guL+4r_?EC^Y&x{75F5(ww~~MKFkfN*2|>oz*YQUsr;-8HugzD=7E4>zZpjJF8o2w>G$QT<$<aOJ{@oK9{?$wPkZtBUbhF_Hy$Z+rTunxN2"
    "Qn8fx1t&kW5I0V^ONARr(hARr(hARr*{Z-czPK!8vpKEoq~7EwK8Sp~EJndf_(1W0zM2>^<OGfR?eZ)fNJvr+Dcp7TEpYMQ18a|3w*tXT)>Ujhz~"
    "$@3^LpuCXs63WXcdnm7@yoz!fWgq3CRj-9KujbRzwG1s&^J`gJwyx>A?$v#Ix}KqD>V7>-&-Q9w-Rt%Grt2;CcIhU)l@#tR#ib}tdoz1QH5|pg_0"
    "7gM+32l;+=p>*u_ooypB38a%d4j-Z>PL-#Z+(oU*KH5?X-226_9Zr9t;@0)H@4P=$NLwjIxLFO3JG!r=`q}S2tXLVD&AHeca0u9{ko%q}Kb%ae$m"
    "Ed!wn+cyM4XE)2$HlvEdzNRe@TAe-@lwm!9ky#pQiPmcYH%UVMBrn;J%8q#<~KL0q@(BHY@W++*lHhmt}=Bk_Iv3~8Xn;{S5$M*eJC017f0RaI4f"
    "qx48USPVk_1s`xt>r{OcVn&b5!eZqJ(Hx)$2m|B{plq9>&ko4=c{LB&lTefbzg!h8|S285#9-paC@2HrjZf^a-*i53A+hP`um8JyeB12@{P)zl>V"
    "i{Ng3bTI4SdL3@7;|m6Nh29GsM0GH+7SHHVXv^zpD{+uYRMP~Ue?SZ?fS?dtS<!nwC~wfa(+Bt6~SnkHg~2kHN-DyPZzXNF`PHgU!Yp;ps?KSq#l"
    "=d5~!6>(N?gjM3Kz6h(#S<@q|3TMrTu-Z6lW`s3{v-%^fb2w{OgjMCN*%8**Nvj^|D?4Y6^p!(~ct|v?TU+ZJnybyfO5kR5k&%4`7rRIdU4dD^-!"
    "&oRD*"
)
NEW_LAMBDA = (
    "c-rk+ZEO@p7=CAWuWavHxI!xk1kO8XYpQhjuI;sGByF$PDn}`82~oc8Xb-5lw)6wrS`S5np%zgg=n)_U6C^4PB345c0zV{*F($@8#E?i#3`Q}ck{"
    "F2M?Ck7yZjTaTYVdHL`|-^CF?%!b%saEQy8|^of2MW1Rg`5gaD!s7M3)t+UwL4C+2R^sy#T#d0T6&NSyPW>=;kx@3OSQO0=Pn@E$Os&1&jl}vh^<"
    "@O~`m(a1xDZZnYVDQ!zHd9Y<6Ck(m{ZH9oKb4$mB{Y0h7mr`segY6NQrqVM<{8mb^lHAqJAhgSIIkhdenyYDZ@-3Qr9Ck^b;`vDhs9=@M+`Yk$Pk"
    "WYY*Nz=QIpC2Tu6z_VK-gSp$m#k(xqWl_VBRtuZtLNw($@==@XsuMA3k@V7C@}=c<S9WN^nxR9iBX5?kjVQoj_ytIfQ<iDc|dqT?&^S$?bHGS;5}"
    "8_P6L^`&5nOM_P_C%eYB3hzNSvwd~pp%YxEB9IRwTg6yKAj#DC7b%@#^bO+9S+m<Qd4E*J~=NDpMK2U(;C*VB#vF#cuxuKEx4wbE$ct=G!@xaB44"
    "KLZl^b=$I?6^#Ku{@;5vd6pIefN2ZgtbhtMs+f4TyBg{lk5dP)Rzr~S@H}m4gd)Zx=jF$j!Z}9q(a2CIY|^ScqAM;*2cClsjK_n=7Hx(!=At)z-#"
    "rg=7)52zuRGupQ)T|oXHUZpMsaP+iSOYEqj2u+ygKuf!^6OFS0+A5<OyRXvT;*k+(Lt3VlbA8+fHO5F_9fwA{$2|*fYIjm?V^CU*D6NpkmcT*p|J"
    "2A}lAx-G82#1qVs7@5Nj%93{miwQ1$hLyEPZ{<H+XAT8Q@{A>^w5v^-=?jY<U#q*yvz5*^%oL#so23tw7?qT5&w2<QO&;Io`Tp-2R3)hDshZHNF&"
    "eL#`TzA{$3+G?~(bmLHeGWg8MW%NC_931OJfUXt=HJQYS640$AZA4}cJ>vN`<+dZP*>OLwoq%>Ip5)I2zP7@w{^FKBF+aK&ZhRZwJqzgzTX)M^@T"
    "gTaB;c0N+8s_ra6@89*wSyM%i`IxbbOebA%l0!=VkPwgxBhMCah(;Nalk;Nalk;Nal+ry!3n5FnI|&*BK7X;g2pC<B^;^mDpJ03_PvEC5Ns&VnFX"
    "JB;)D$rO)6|Ct~5D2k%`%Y799Mz?m;uLNu^ohMPALU}6X8I)&Jc2UlwTtK;yvWN0;!K*RFt$36orC2FZyh^E3rYfqcx>b)_q!z0ss#h&l%iM}vb-"
    "Uf3u|~^yx^$D#%88Gb<d7u0HDWxXI+4Po_094PqBdGp<&WagGP+brKUV0NtMf+6eUvxPO^nw61@?K}$IP>=ip=x)WWb2h=uFL}bDHvO$}Y-zlnW>"
    "q=8jKPmtK2l-fhi&Jjw!|{N`7r=Ie<Wfb6pIL{p~uV8dEm8ML2PQ=UpPMa21mEZPg&=KN0M8R)M6<lJw#q-6E3Y6=E}r1OZp{;@5fpL1p0qUOTFv"
    "3-m_FT074`E760Eqn}qV#jaG`0mQV!NI}7@o#~>7Z|H-J~x<mYcU(py;!Tg1h#|eo=K1=V-M6%KRStjy7F%7#p)T+by<7UJdmZ!+BwNzgYSe#n0p"
    "!js*wN!ah;+ZkB13M>U)Th+(QB*c}|IpRP?39NX6e;7^&n+8Y6iHnUPAb+Zd@VFlkg$6`P%r)N^skvbLo++&pk!Twd4N-qYoE#l5?G+C903Bs>*q"
    "FXTDHf{gzanbCM+D?bo%+GJ=agpi^DdyF8%&REqXD`KqfB&)z!JxNxPu@)s+CB|BuWVJBXk|b*yWA!FkCotC1B&*C=%aW|=qgFLJR#wKE94ng$nU"
    "JknTict%k=6PaB5<>{NONDo<Syb<mt!38HxqaFoB"
)
OLD_LAMBDA = (
    "c-rk;O>7%Q6yDjjla1q~X%Z?Z7t0a|2^40WKX27T5Dxedk*Wz&rIyx9yxCZCl2Qknszl0xLy(Z*z@bPSkm#X872?2w14j;s69<k6xFT`miUj-f#&"
    "}=iw*{$?bl-P*JM-So*q`6delt7kck8v6Mha&OMhM$Ba>kg^i$4K>EGEm^-vBGX9)P`P>iQ=m-{Vj}2JM%uxO@TXS1&FGJy_lLaX*)Hu`NOQS@@U"
    ">Q2zS)*zOyQM-lbK7ot@80_EB5Q^~x#I-bm{q9Gv<bHTA~xYCK^ZJo1rB7cWazq;K|^J(o$vR#ekdhMcF{KYIsB@16>7zGnr`0Ql;Tq|FW-dcHOx"
    "h9Ofu>p1GpQ6vP!CtrMI6Xl9o~PsVkTW$%$LS%ZWgky2bqfA8kd}gqOhJ*o6x7r`VW&}7A*nO7OWo>F8g<hobyjw%d%uuI-3&=xF1yryH=IV@EJ<"
    "BHyVT`J(x{swsT;^Hbqk|u)XkIB4Q7|RZ_PC7sw8!G_NddxK1>~a&~HA75g+cXKHMgJ81sC%fPKhDAE@<VYU3+tPsQ!6w|2c|SiZ4+vlG~zo7++S"
    "TkWJSd?xKPM|wWjjk`NU$4jt37wEVu*t11CPEYk;9XZ)k*$j>jA5El;4vL;V7qUy;50i1-MqldaS>JH>s5=eR;kC%3Q3q;9jLCqe&F!YwzP7f#wc"
    "hfhS)vfpnPbM$R9*=eF&_JS(0uvD<t5RxBGDTctxc8J+HR+FZOh&C%I8Yu74MBVy{(;=+b%y>D#!f>^|#Ay_m+2~6C7T~r!2XfuQ%Of_}<=Ydwad"
    "JQauj0wn}bk!*j1AP8z3p{gA<6Fc=I5gTY`h7>s|5aC3v`nfMFXav(%pp*J9CYZ-PFIw9h@dmhTBWr}#UA&#_6bLr{$6ticVAK=ch<|Ew0C5+;sH"
    "Kkmi__wEGtNkYO?;}5M=N;r9K>h>d$NM|pLw>wY{Q>gh_300he-!!eApaQhe~kR&$o~oQPa^+a<UfP__okBNGkthwFc=I5<G+NIQpt*(mNRlz&dG"
    "UMm5!21sfwCbGip}Nsd-gZPDNH!rBa!GP`#yf$3M_pIduZ{R{TJI5T0rUdS#T3*H2$Nr|Gy$U_T$H;~HRpouK3N^Qik%blfi3rbEZ=gZ;7g|LE2k"
    "ht{oCht{p<9a^_8IJ9o9IkaxAJG5?Ha%kOp!J&2QszdA6OAf7DuQ;@BZ8)r384L!4@hIrl0i;{wEtDdbp@(z=)*)7K2M#0g7B8%4hmBHH7TtbAzc"
    "8BKdfVOcdh~?Wz1GgTr0x|-1^93f>#f|O@0qgy)3{$dTF+oz@D+;dryIWM6Nlr!uN~c=wt_DS27|$1Fc^%7g59fYjYcC9%Hlze)7Fdei}6<A50Cr"
    "32hi2q@NPs`M~mO!-%;>N*}<{mFMLlxzrPS_*S`QVD{*i"
)


def unpacked(text: str) -> bytes:
    """The bytes of a file."""
    return zlib.decompress(base64.b85decode(text))


@honest("hdf5", "groups, attributes and chunks in every structure of the latest format", file="model.h5")
def new() -> bytes:
    return unpacked(NEW)


@bad("hdf5", "a Lambda among attributes that lie in a heap with an index", file="model.h5")
def new_lambda() -> bytes:
    return unpacked(NEW_LAMBDA)


@bad("hdf5", "a Lambda in a file of the oldest format", file="model.h5")
def old_lambda() -> bytes:
    return unpacked(OLD_LAMBDA)
